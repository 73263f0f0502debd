from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('analyses', '0001_initial'),
    ]

    operations = [
        migrations.AlterField(
            model_name='foundregion',
            name='number',
            field=models.PositiveIntegerField(help_text='Value in the label volume; the label ends with it.'),
        ),
    ]
